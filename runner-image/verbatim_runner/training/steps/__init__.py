"""The steps of the train stage: one module each, with one public function of its name."""
