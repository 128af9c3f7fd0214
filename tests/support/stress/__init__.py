"""Load that proves bytes: RFB servers and slow browsers, random messages, frames and chunks, hashes at both ends."""
