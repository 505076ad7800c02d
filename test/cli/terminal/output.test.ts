import test from 'ava';
import { cliConfig } from '../../../cli/process/config.ts';
import { outputOf } from '../../../cli/terminal/output.ts';

function printed(variables: Readonly<Record<string, string>>): string {
  let out = '';
  const write = (text: string): void => {
    out += text;
  };
  const output = outputOf(cliConfig(variables), {}, { out: write, err: write });
  output.write(`${output.paint('✗ Failed', { color: 'red' })} · \u0007bell\n`);
  return out;
}

test('where a terminal has plain letters alone, colours are still colours', (t) => {
  const red = '\u001b[31mx Failed\u001b[39m - ?bell\n';
  t.is(printed({ LANG: 'C', CLICOLOR_FORCE: '1' }), red);
  t.is(printed({ LANG: 'C', CLICOLOR_FORCE: '1', NO_COLOR: '1' }), 'x Failed - ?bell\n');
});
