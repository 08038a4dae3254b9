"""Where stages run: ``base`` says what an engine is, one module each implements it, ``choice`` picks one."""
