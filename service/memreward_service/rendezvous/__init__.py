"""Where the rollouts of a group meet that are sent one by one: one set of rules, in process or in Redis."""
