// The lines of `anneal federate --output json`, as what a pod tells of itself. Pure.
import * as z from 'zod';
import { roundResult } from '../../crds/wire/federation.ts';
import { boundedProgress, type PartyProgress } from '../../crds/wire/federation-pod.ts';

const line = z.discriminatedUnion('type', [
  z.object({ type: z.literal('begin') }),
  z.object({ type: z.literal('progress'), who: z.string(), words: z.string() }),
  z.object({ type: z.literal('warning'), message: z.string() }),
  roundResult.extend({ type: z.literal('round') }),
  z.object({
    ...{ type: z.literal('turn'), round: z.int(), rounds: z.int() },
    state: z.enum(['Begun', 'Submitted', 'Declined']),
    epsilon: z.number().optional(),
    code: z.string().optional(),
    reason: z.string().optional(),
  }),
  z.object({ type: z.literal('outcome'), state: z.enum(['Complete', 'Stopped', 'Failed']) }),
]);

type Line = z.output<typeof line>;

/** `rounds`: of a hub, whose lines do not say how many there are. */
export function beginProgress(rounds: number | undefined): PartyProgress {
  return {
    ...{ v: 1, state: 'Running', isConnected: false, doing: 'starting' },
    ...(rounds !== undefined && { rounds }),
  };
}

export function seeLine(before: PartyProgress, text: string): PartyProgress {
  return boundedProgress(after(before, line.parse(JSON.parse(text))));
}

function after(before: PartyProgress, told: Line): PartyProgress {
  const { warning: _, ...rest } = before;
  switch (told.type) {
    case 'begin':
      return before;
    case 'progress': {
      // Whoever has something else to say has a connection.
      const isConnected = told.who !== 'bus';
      return { ...rest, isConnected, doing: `${told.who} ${told.words}` };
    }
    case 'warning':
      return { ...before, warning: told.message };
    case 'round':
      return { ...rest, isConnected: true, ...ofRound(told) };
    case 'turn':
      return ofTurn(before, told);
    case 'outcome':
      return { ...before, state: told.state };
  }
}

function ofRound({
  round,
  used,
  refused,
  evaluation: { loss },
  privacy,
}: Extract<Line, { type: 'round' }>): Partial<PartyProgress> {
  const epsilons = privacy?.holds === true ? privacy.clients.map(({ epsilon }) => epsilon) : [];
  return {
    ...{ round, loss },
    ...(round > 0 && { clients: { used, refused } }),
    ...(epsilons.length > 0 && { epsilon: Math.max(...epsilons) }),
  };
}

function ofTurn(before: PartyProgress, told: Extract<Line, { type: 'turn' }>): PartyProgress {
  const { round, rounds, state, epsilon, code, reason } = told;
  const { declined: _, ...rest } = before;
  const all = { ...rest, round, rounds };
  if (state === 'Declined') {
    return { ...all, declined: { code: code ?? 'E_INTERNAL', message: reason ?? '' } };
  }
  if (state === 'Begun') return before.declined && before.round === round ? before : all;
  return { ...all, submitted: round, ...(epsilon !== undefined && { epsilon }) };
}
