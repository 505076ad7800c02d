// A durable save while training goes on, requested by an annotation. Each new value of it is a new
// request. The count of `desired.save` is raised for a request; it is done when a worker
// acknowledges that count.
import { annotation } from '../../crds/names/labels.ts';
import { none, type PolicyResult } from './decision.ts';
import { has, type View } from './view.ts';

const longest = 64;

export function saveAsked(view: View): PolicyResult {
  const { facts, status, bus } = view;
  const wish = facts.job.annotations[annotation.save]?.slice(0, longest);
  const known = status.save;
  if (wish === undefined || wish === '' || known?.done === wish) return none;
  if (facts.bus.type === 'Absent') return refused(view, wish);
  const trains = has(view, 'Running') && view.state?.world !== undefined;
  // Later is early enough: a change of the world saves by itself, and whoever asked waits.
  if (bus === undefined || !trains || has(view, 'Resizing')) return none;
  const { workerRevision } = view;
  if (
    known?.asked !== wish ||
    known.workerRevision !== workerRevision ||
    known.count === undefined
  ) {
    const before = bus.desired?.workerRevision === workerRevision ? bus.desired.save : 0;
    return { status: { save: { ...known, asked: wish, workerRevision, count: before + 1 } } };
  }
  const { count } = known;
  const ack = [...bus.acks.values()].find(({ saved }) => saved >= count);
  if (ack === undefined) return none;
  const step = ack.savedStep ?? 0;
  const note = `step ${step} is saved, as it was asked for`;
  return {
    status: { save: { asked: wish, workerRevision, count, done: wish, step } },
    events: [{ type: 'Normal', reason: 'Saved', note, action: 'Save' }],
  };
}

/** Without a bus nobody can tell the worker; told once. */
function refused({ status }: View, wish: string): PolicyResult {
  if (status.save?.asked === wish) return none;
  const note = 'a save cannot be asked for: the operator has no bus to tell the workers by';
  return {
    status: { save: { asked: wish } },
    events: [{ type: 'Warning', reason: 'SaveRefused', note, action: 'Save' }],
  };
}

/** The count that workers are to have saved for; undefined where nothing is asked. */
export function saveCount(view: View): number | undefined {
  const { save } = view.status;
  if (save?.count === undefined || save.workerRevision !== view.workerRevision) return undefined;
  const { bus } = view;
  const before = bus?.desired?.workerRevision === save.workerRevision ? bus.desired.save : 0;
  return Math.max(before, save.count);
}
