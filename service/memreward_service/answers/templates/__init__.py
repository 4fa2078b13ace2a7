"""What chat templates add to prompts and responses: turns, tokens, thinking. READ FIRST chat_templates.py."""
