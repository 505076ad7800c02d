// Writes docs/reference/commands.md from the help texts: `node cli/dev/print-commands.ts`. A test
// compares the file with what this prints.
import { writeFileSync } from 'node:fs';
import { createProgram, run } from '../program.ts';

export const commandsFile = new URL('../../docs/reference/commands.md', import.meta.url);

export async function printCommands(): Promise<string> {
  const names = createProgram(silent, async () => {})
    .commands.map((command) => command.name())
    .filter((name) => name !== 'complete');
  const sections: string[] = [];
  for (const name of names) {
    sections.push(`## anneal ${name}\n\n${block(await helpOf(name))}`);
  }
  const head = '<!-- Printed by `node cli/dev/print-commands.ts`. Do not edit. -->\n\n# Commands\n';
  return `${head}\n${block(await helpOf())}\n\n${sections.join('\n\n')}\n`;
}

const silent = { variables: {}, out: () => {}, err: () => {} } as const;

async function helpOf(...words: readonly string[]): Promise<string> {
  let text = '';
  const out = (part: string): void => {
    text += part;
  };
  await run(['node', 'anneal', ...words, '--help'], { ...silent, out });
  return text;
}

function block(text: string): string {
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
}

if (import.meta.main) writeFileSync(commandsFile, await printCommands());
