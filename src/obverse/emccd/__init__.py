"""Electron-multiplying CCDs: the register, photon counting, and what is measured of them."""
