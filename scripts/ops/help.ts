/** Examples below a command's help: what to type, and what it is for. */
export function examples(...lines: [command: string, meaning: string][]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const texts = lines.map(
    ([command, meaning]) => `  npm run ops -- ${command.padEnd(width)}  # ${meaning}`,
  );
  return `\nExamples:\n${texts.join("\n")}`;
}
