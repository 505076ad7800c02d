// Wraps text to a width, and puts text into columns.

/** Breaks at spaces; a longer word gets a line of its own. */
export function wrap(text: string, width: number, indent = ''): readonly string[] {
  const room = Math.max(10, width - indent.length);
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(/ +/)) {
      if (line !== '' && line.length + 1 + word.length > room) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    return [...lines, line].map((each) => `${indent}${each}`.trimEnd());
  });
}

/** `name   text`, with the text in its own column. */
export function entry(
  name: string,
  text: string,
  { width, column, indent = '  ' }: { width: number; column: number; indent?: string },
): readonly string[] {
  const start = indent.length + column;
  const [first = '', ...rest] = wrap(text, width - start);
  const head = name.length < column ? [`${indent}${name.padEnd(column)}${first}`.trimEnd()] : null;
  const lines = head ?? [`${indent}${name}`, `${' '.repeat(start)}${first}`];
  return [...lines, ...rest.map((line) => `${' '.repeat(start)}${line}`)];
}
