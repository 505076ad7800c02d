import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  federationJson,
  federationLines,
  peerJson,
  peerLines,
} from '../../../../cli/commands/federate/text.ts';
import { digestOf } from '../../../../crds/index.ts';
import { parseFederation } from '../../../../crds/manifest/federation.ts';
import { parseFederationPeer } from '../../../../crds/manifest/federation-peer.ts';
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

const peerFile = new URL('../../../../crds/federations/client-north.yaml', import.meta.url);
const peer = parseFederationPeer(readFileSync(peerFile, 'utf8'), 'client-north.yaml');
const own = { name: 'north', namespace: 'default', cache: '/', spec: peer.spec };
const storedPeer = { folder: '/peers/north', number: 1, record: own };

test('a client elsewhere in lines and in JSON', (t) => {
  const lines: string[] = [];
  for (const made of [peerLines, peerJson]) {
    const view = made((line) => lines.push(line), storedPeer);
    view.begin(false);
    view.progress('north', 'round 1 of 3');
    view.turn({ round: 1, rounds: 3, state: 'Begun' });
    view.warn('round 1 ended without north');
    view.end('Stopped');
  }
  t.deepEqual(lines, [
    'north: client of three-clinics, new /peers/north',
    'north      round 1 of 3',
    'warning    round 1 ended without north',
    '‖ north stopped; the same command goes on',
    '{"type":"begin","apiVersion":"cli.anneal.dev/v1","name":"north","folder":"/peers/north","continued":false}',
    '{"type":"progress","who":"north","words":"round 1 of 3"}',
    '{"type":"turn","round":1,"rounds":3,"state":"Begun"}',
    '{"type":"warning","message":"round 1 ended without north"}',
    '{"type":"outcome","state":"Stopped","folder":"/peers/north"}',
  ]);
});
