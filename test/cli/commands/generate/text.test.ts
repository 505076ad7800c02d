import { readFileSync } from 'node:fs';
import test from 'ava';
import { generatorJson, generatorLines } from '../../../../cli/commands/generate/text.ts';
import { digestOf } from '../../../../crds/index.ts';
import { parseGenerator } from '../../../../crds/manifest/adapter-generator.ts';
import type { GeneratedRecord } from '../../../../crds/wire/generator.ts';

const example = new URL('../../../../crds/generators/siblings.yaml', import.meta.url);
const { spec } = parseGenerator(readFileSync(example, 'utf8'), 'siblings.yaml');
const record = {
  ...{ version: 1 as const, name: 'siblings', namespace: 'default', folder: '/', spec },
  ...{ digest: digestOf('x'), volumes: {}, cache: '/', device: 'cuda:0' as const, threads: 1 },
  createdAt: '2026-01-01T00:00:00Z',
};
const stored = { folder: '/generators/siblings/1', number: 1, record };
const made: GeneratedRecord = {
  ...{ version: 1, name: 'siblings', bytes: 3_000_000, adapterBytes: 9_000_000 },
  adapters: [
    {
      ...{ name: 'code-0', task: 'code', seed: 0, tensors: digestOf('t'), error: 0.0321 },
      losses: { base: 1.5, own: 1.25, generated: 1.2625 },
    },
    {
      ...{ name: 'new', seed: 4, tensors: digestOf('n') },
      losses: { base: 1.5, generated: null },
    },
  ],
};

function said(view: typeof generatorLines, act: (own: ReturnType<typeof generatorLines>) => void) {
  const lines: string[] = [];
  act(view((line) => lines.push(line), stored));
  return lines;
}

test('a generator in lines', (t) => {
  const lines = said(generatorLines, (view) => {
    for (const continued of [false, true]) view.begin(continued);
    view.progress('fit', 'epoch 100 of 500 · error 0.1234');
    view.warn('code: 2 records were skipped');
    view.made(made);
    for (const state of ['Complete', 'Stopped', 'Failed'] as const) view.end(state);
  });
  t.snapshot(lines.join('\n'));
});

test('in JSON each line is one object, and the end is its record', (t) => {
  const lines = said(generatorJson, (view) => {
    view.begin(true);
    view.progress('collect', 'collect');
    view.warn('w');
    view.made(made);
    view.end('Complete');
  }).map((line) => JSON.parse(line));
  t.deepEqual(
    lines.map(({ type }) => type),
    ['begin', 'progress', 'warning', 'made', 'outcome'],
  );
  t.deepEqual(lines[3], { type: 'made', ...made });
});
