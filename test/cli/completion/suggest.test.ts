import test from 'ava';
import { type Lookup, suggest, suggestionsText } from '../../../cli/completion/suggest.ts';
import { createProgram } from '../../../cli/program.ts';

const program = createProgram({ variables: {}, out: () => {}, err: () => {} }, async () => {});
const lookup: Lookup = async (what) => {
  const lists = {
    job: ['halo-x7k2', 'qlora'],
    metric: ['loss', 'learning_rate'],
    field: ['training.learningRate', 'training.epochs'],
    explain: ['LoRA', 'E_DIVERGED'],
  };
  return lists[what].map((value) => ({ value }));
};

const cases: readonly (readonly [line: string, expected: readonly string[]])[] = [
  ['des', ['describe']],
  ['pa', ['pause']],
  ['describe h', ['halo-x7k2']],
  ['describe halo-x7k2 ', []],
  ['compare halo-x7k2 q', ['qlora']],
  ['metrics qlora l', ['loss', 'learning_rate']],
  ['metrics qlora loss le', ['learning_rate']],
  ['metrics qlora --last 5 lo', ['loss']],
  ['list --sor', ['--sort']],
  ['list --sort r', ['restarts']],
  ['list --sort=r', ['--sort=restarts']],
  ['ls -o w', ['wide']],
  ['submit --set training.e', ['training.epochs=']],
  ['explain L', ['LoRA']],
  ['completion z', ['zsh']],
  ['nonsense ', []],
];

for (const [line, expected] of cases) {
  test(`anneal ${line}: ${expected.join(', ') || 'nothing'}`, async (t) => {
    const { list } = await suggest(program, line.split(' '), lookup);
    t.deepEqual(
      list.map(({ value }) => value),
      expected,
    );
  });
}

test('files are left to the shell, a field goes on without a space, names end', async (t) => {
  const text = async (line: string) =>
    suggestionsText(await suggest(program, line.split(' '), lookup));
  t.is(await text('run '), ':0\n');
  t.is(await text('list --kubeconfig '), ':0\n');
  t.is(await text('submit --set training.e'), 'training.epochs=\n:6\n');
  t.is(await text('describe q'), 'qlora\n:4\n');
});

test('every command and every flag can be completed', async (t) => {
  for (const command of program.commands) {
    if (command.name() === 'complete') continue;
    const { list } = await suggest(program, [command.name().slice(0, -1)], lookup);
    t.true(list.some(({ value }) => value === command.name()));
    const flags = (await suggest(program, [command.name(), '-'], lookup)).list;
    for (const { long } of command.options)
      t.true(
        flags.some(({ value }) => value === long),
        long,
      );
  }
});
