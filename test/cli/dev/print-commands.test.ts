import { readFile } from 'node:fs/promises';
import test from 'ava';
import { commandsFile, printCommands } from '../../../cli/dev/print-commands.ts';

test('the committed page of commands is their help; `node cli/dev/print-commands.ts` renews it', async (t) => {
  t.is(await readFile(commandsFile, 'utf8'), await printCommands());
});
