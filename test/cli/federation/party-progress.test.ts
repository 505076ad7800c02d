// What a pod tells of itself follows from the lines that the command prints.
import test from 'ava';
import { beginProgress, seeLine } from '../../../cli/federation/party-progress.ts';
import { partyProgress } from '../../../crds/wire/federation-pod.ts';

function after(rounds: number | undefined, ...lines: readonly object[]) {
  const progress = lines.map((line) => JSON.stringify(line)).reduce(seeLine, beginProgress(rounds));
  return partyProgress.parse(progress);
}

const doing = (who: string, words: string) => ({ type: 'progress', who, words });
const warning = (message: string) => ({ type: 'warning', message });
const connecting = doing('bus', 'connecting to nats://a');

const round = {
  ...{ type: 'round', round: 1, ends: { merged: [] }, state: '0'.repeat(64), base: 'b' },
  ...{ exact: true, error: 0, weights: [1], used: ['north'] },
  refused: [{ client: 'south', reason: 'it is late' }],
  bytes: { up: 1, down: 1 },
  evaluation: { loss: 2.5, accuracy: 0.5, tokens: 9 },
};

test('whoever waits for the bus is not connected, and whoever says something else is', (t) => {
  const away = after(3, connecting, warning('no server answers'));
  t.like(away, { isConnected: false, warning: 'no server answers', rounds: 3 });
  const back = after(3, connecting, warning('no server answers'), doing('hub', 'prepare'));
  t.like(back, { isConnected: true, doing: 'hub prepare' });
  t.is(back.warning, undefined, 'it got on');
});

test('a round of a hub has its loss and its clients, and the most that records have spent', (t) => {
  t.like(after(3, round), {
    ...{ round: 1, loss: 2.5 },
    clients: { used: ['north'], refused: [{ client: 'south', reason: 'it is late' }] },
  });
  t.is(after(3, { ...round, round: 0, used: [], refused: [] }).clients, undefined);
  const told = { delta: 1e-6, noise: 1, rate: 0.1, steps: 4 };
  const clients = [
    { client: 'north', epsilon: 1, ...told },
    { client: 'west', epsilon: 2, ...told },
  ];
  t.is(after(3, { ...round, privacy: { holds: true, clients } }).epsilon, 2);
  t.is(after(3, { ...round, privacy: { holds: false, clients } }).epsilon, undefined);
});

test('a turn of a client begins, and ends submitted or declined', (t) => {
  const turn = (state: string, more: object = {}) => ({
    ...{ type: 'turn', round: 2, rounds: 3, state },
    ...more,
  });
  t.like(after(undefined, turn('Begun')), { round: 2, rounds: 3 });
  t.like(after(undefined, turn('Begun'), turn('Submitted', { epsilon: 4 })), {
    ...{ submitted: 2, epsilon: 4 },
  });
  const why = { code: 'E_PRIVACY_SPENT', reason: 'it is spent' };
  const declined = after(undefined, turn('Begun'), turn('Declined', why), turn('Begun'));
  t.deepEqual(declined.declined, { code: why.code, message: why.reason });
  t.is(after(undefined, turn('Declined', why), turn('Begun', { round: 3 })).declined, undefined);
});

test('its end is its state, and long words are cut', (t) => {
  t.is(after(3, { type: 'outcome', state: 'Stopped' }).state, 'Stopped');
  t.is(after(3, warning('a'.repeat(5_000))).warning?.length, 600);
  const reason = 'b'.repeat(5_000);
  t.is(
    after(3, { ...round, refused: [{ client: 'a', reason }] }).clients?.refused[0]?.reason.length,
    200,
  );
});
