"""The electron-multiplying register: its law, its noise, and what a full one looks like.

Pure physics, which the effects and the measurements of `obverse.emccd` share.
"""
