"""From a recording to its ratings: sections, their mean, intervals and a timeline. No web, no command line."""
