import { execFileSync } from 'node:child_process';
import test from 'ava';

const worker = new URL('../../../worker/tensor/', import.meta.url);

// The collector is asked for by hand, in a process of its own.
function leaksOf(body: string): string[] {
  const source = `
    const { reportLeaks } = await import('${worker}leaks.ts');
    const { tensor } = await import('${worker}tensor.ts');
    const { scope } = await import('${worker}scope.ts');
    const { liveHandles } = await import('${worker}memory.ts');
    const seen = [];
    reportLeaks((madeAt) => seen.push(madeAt));
    function forgetful() { return tensor([1], [1]); }
    ${body}
    for (let i = 0; i < 5; i++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    console.log(JSON.stringify([...seen, 'live ' + liveHandles()]));`;
  const flags = ['--expose-gc', '--disable-warning=ExperimentalWarning', '--input-type=module'];
  const output = execFileSync(process.execPath, [...flags, '-e', source], { encoding: 'utf8' });
  return JSON.parse(output);
}

test('a tensor that nobody freed is reported with the place where it was made, and freed', (t) => {
  const [leak, live] = leaksOf('forgetful();');
  t.regex(leak ?? '', /at forgetful/);
  t.is(live, 'live 0');
});

test('tensors that were freed in any way are not reported', (t) => {
  t.deepEqual(
    leaksOf('forgetful().dispose(); scope(() => { forgetful(); }); { using x = forgetful(); }'),
    ['live 0'],
  );
});
