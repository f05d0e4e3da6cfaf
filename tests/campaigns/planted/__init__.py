"""Wrong lines, planted one at a time: does a test, or the verifier, see each?"""
