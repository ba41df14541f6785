/** Imported before anything that colours: picocolors decides once, and would colour a pipe where CI is set. */
if (!process.stdout.isTTY) process.env.NO_COLOR = "1";
