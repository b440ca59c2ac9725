# SPDX-License-Identifier: Apache-2.0
"""Turns bytes into events: those of the ring in RAM, of ESP-IDF's records, and of logs in files."""
