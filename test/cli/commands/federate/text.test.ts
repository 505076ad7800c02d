import { readFileSync } from 'node:fs';
import test from 'ava';
import { federationJson, federationLines } from '../../../../cli/commands/federate/text.ts';
import { digestOf } from '../../../../crds/index.ts';
import { parseFederation } from '../../../../crds/manifest/federation.ts';
import type { RoundResult } from '../../../../crds/wire/federation.ts';

const example = new URL('../../../../crds/federations/three-clients.yaml', import.meta.url);
const { spec } = parseFederation(readFileSync(example, 'utf8'), 'three-clients.yaml');
const record = {
  ...{ version: 1 as const, name: 'clinics', namespace: 'default', folder: '/', spec },
  ...{ digest: digestOf('x'), volumes: {}, cache: '/', device: 'cuda:0' as const, threads: 1 },
  createdAt: '2026-01-01T00:00:00Z',
};
const stored = { folder: '/federation', number: 1, record };
const round: RoundResult = {
  ...{ round: 2, ends: { merged: [] }, state: digestOf('s'), base: 'b', exact: false },
  ...{ used: ['north', 'west'], weights: [0.5, 0.5], error: 0.01234 },
  refused: [{ client: 'south', reason: 'it sent nothing' }],
  bytes: { up: 2_000_000, down: 1_000_000 },
  evaluation: { loss: 1.25, accuracy: 0.5, tokens: 100 },
};

const told = { delta: 1e-6, noise: 1.1, rate: 0.01, steps: 40 };
const spent = [
  { client: 'north', epsilon: 1.234, ...told },
  { client: 'west', epsilon: 0.5, ...told },
];

function said(
  view: typeof federationLines,
  act: (made: ReturnType<typeof federationLines>) => void,
) {
  const lines: string[] = [];
  act(view((line) => lines.push(line), stored));
  return lines;
}

test('a federation in lines', (t) => {
  const lines = said(federationLines, (view) => {
    view.begin(false);
    view.round({ ...round, round: 0, used: [], refused: [] });
    view.progress('north', 'step 1 of 20');
    view.warn('round 2 goes on without south');
    view.round(round);
    view.round({ ...round, exact: true, refused: [] });
    for (const holds of [true, false]) view.round({ ...round, privacy: { holds, clients: spent } });
    for (const state of ['Complete', 'Stopped', 'Failed'] as const) view.end(state);
  });
  t.snapshot(lines.join('\n'));
});

test('in JSON each line is one object, and a round is its record', (t) => {
  const lines = said(federationJson, (view) => {
    view.begin(true);
    view.progress('north', 'train');
    view.warn('w');
    view.round(round);
    view.end('Complete');
  }).map((line) => JSON.parse(line));
  t.deepEqual(
    lines.map(({ type }) => type),
    ['begin', 'progress', 'warning', 'round', 'outcome'],
  );
  t.deepEqual(lines[3], { type: 'round', ...round });
});
