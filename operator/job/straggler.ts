// A worker that makes the others wait is reported, and nothing else is done: whoever owns the node
// knows better whether it will recover.
import { none, type PolicyResult } from './decision.ts';
import { has, type View } from './view.ts';

/** Workers say it again every five minutes; what was not said twice is over. */
const lifetimeMs = 10 * 60_000;

export function straggler(view: View): PolicyResult {
  const told = view.bus?.straggling;
  if (told === undefined || !has(view, 'Running')) return none;
  const until = told.heardAt + lifetimeMs;
  if (view.facts.now >= until) return none;
  return { degraded: { reason: 'Straggler', message: told.message }, wakeAt: until };
}
