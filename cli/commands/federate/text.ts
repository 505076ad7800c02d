// A federation in lines: one when a round ends, and what it moved. JSON has the record of the
// round.

import { sanitize } from '../../../crds/text/sanitize.ts';
import type { RoundResult } from '../../../crds/wire/federation.ts';
import type { StoredPeer } from '../../federation/peer-store.ts';
import type { FederationView } from '../../federation/processes.ts';
import type { PeerView } from '../../federation/run-peer.ts';
import type { StoredFederation } from '../../federation/store.ts';
import { bytes, real } from '../../terminal/numbers.ts';
import { jsonEnds, lastLine, type WorkView } from '../local-work/perform.ts';

type WholeView = FederationView & WorkView;

type Write = (line: string) => void;

export function federationLines(write: Write, { record, folder }: StoredFederation): WholeView {
  const { spec, name } = record;
  const say = (line: string): void => write(sanitize(line));
  return {
    begin(continued) {
      say(`${name}: ${continued ? 'resuming' : 'new federation'} ${folder}`);
      say(
        `${'method'.padEnd(10)} ${spec.aggregation} · ${spec.clients.length} clients · ${spec.rounds} rounds`,
      );
    },
    progress(who, words) {
      say(`${who.padEnd(10)} ${words}`);
    },
    round(result) {
      for (const line of roundLines(result, record)) say(line);
    },
    warn(sentence) {
      say(`${'warning'.padEnd(10)} ${sentence}`);
    },
    end(state) {
      say(lastLine(name, state));
    },
  };
}

/** Pure. */
function roundLines(
  { round, evaluation, used, refused, exact, error, bytes: moved, privacy }: RoundResult,
  { spec }: StoredFederation['record'],
): readonly string[] {
  const loss = `held-out loss ${real(evaluation.loss)}`;
  if (round === 0) return [`${'begin'.padEnd(10)} ${loss}`];
  const parts = [
    loss,
    `${used.length} of ${used.length + refused.length} clients`,
    exact ? 'exact' : `${(100 * error).toPrecision(2)} % from the mean of the changes`,
    `${bytes(moved.up)} up, ${bytes(moved.down)} down to each`,
  ];
  return [
    `${`round ${round}/${spec.rounds}`.padEnd(10)} ${parts.join(' · ')}`,
    ...(privacy === undefined ? [] : [`${'privacy'.padEnd(10)} ${spentInWords(privacy)}`]),
    ...refused.map(({ client, reason }) => `${'refused'.padEnd(10)} ${client}: ${reason}`),
  ];
}

/** Of the clients that told it in this round. */
function spentInWords({ holds, clients }: NonNullable<RoundResult['privacy']>): string {
  if (!holds) return 'none: the noise follows from testSeed';
  if (clients.length === 0) return 'no client told what it spent';
  const epsilons = clients.map(({ epsilon }) => epsilon);
  const delta = Math.max(...clients.map((one) => one.delta));
  const sum = epsilons.reduce((all, one) => all + one, 0);
  const most = `epsilon ${Math.max(...epsilons).toPrecision(3)} of a record at one client`;
  const together = `${sum.toPrecision(3)} of a person with a record at each`;
  return `${most}, ${together} · delta ${Number(delta.toPrecision(2)).toExponential()} each`;
}

export function federationJson(write: Write, stored: StoredFederation): WholeView {
  const say = (content: object): void => write(JSON.stringify(content));
  return {
    ...jsonEnds(say, stored),
    progress: (who, words) => say({ type: 'progress', who, words }),
    round: (result) => say({ type: 'round', ...result }),
  };
}

type WholePeerView = PeerView & WorkView;

export function peerLines(write: Write, { record, folder }: StoredPeer): WholePeerView {
  const { name, spec } = record;
  const say = (line: string): void => write(sanitize(line));
  return {
    begin: (continued) =>
      say(`${name}: client of ${spec.federation}, ${continued ? 'resuming' : 'new'} ${folder}`),
    progress: (who, words) => say(`${who.padEnd(10)} ${words}`),
    warn: (sentence) => say(`${'warning'.padEnd(10)} ${sentence}`),
    // Its progress says the same in words.
    turn: () => {},
    end: (state) => say(lastLine(name, state)),
  };
}

export function peerJson(write: Write, stored: StoredPeer): WholePeerView {
  const say = (content: object): void => write(JSON.stringify(content));
  return {
    ...jsonEnds(say, stored),
    progress: (who, words) => say({ type: 'progress', who, words }),
    turn: (told) => say({ type: 'turn', ...told }),
  };
}
