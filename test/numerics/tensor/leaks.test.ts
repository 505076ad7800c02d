import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const script = fileURLToPath(new URL('leaks-process.ts', import.meta.url));

// The collector is asked for by hand, in a process of its own.
function leaksOf(what: 'forgets' | 'frees'): string[] {
  const flags = ['--expose-gc', '--disable-warning=ExperimentalWarning'];
  const output = execFileSync(process.execPath, [...flags, script, what], { encoding: 'utf8' });
  return JSON.parse(output);
}

test('a tensor that nobody freed is reported with the place where it was made, and freed', (t) => {
  const [leak, live] = leaksOf('forgets');
  t.regex(leak ?? '', /at forgetful/);
  t.is(live, 'live 0');
});

test('tensors that were freed in any way are not reported', (t) => {
  t.deepEqual(leaksOf('frees'), ['live 0']);
});
