// The preview of the wizard, computed from the answers: the manifest so far, and its memory on the
// chosen device.
import type { JobPlan } from '../../crds/index.ts';
import { type Described, type Estimator, forTask, needsOf, planOf } from './estimator.ts';
import {
  type Answers,
  type ManifestLine,
  manifestLines,
  type Preference,
} from './manifest-text.ts';
import type { PlacesHere } from './places-here.ts';
import type { DeviceOption, Found, Goal, Needs } from './questions.ts';
import { answerOn, isAnswered, type Seen, type Wizard } from './wizard.ts';
import { sourceOf } from './written-source.ts';

export interface Drafted {
  /** The source of the model, once it is chosen. */
  readonly source: string | undefined;
  readonly answers: Answers;
  readonly device: DeviceOption | undefined;
  readonly described: Described | undefined;
  readonly plan: JobPlan | undefined;
  readonly needs: Needs;
}

/**
 * Everything that follows from the answers; an open question counts as answered with its
 * recommendation.
 */
export function draft(
  wizard: Wizard,
  found: Found,
  estimator: Pick<Estimator, 'of'>,
  here: PlacesHere,
): Drafted {
  const first: Seen = { found, needs: {} };
  const source = isAnswered(wizard, 'model') ? answerOn('model', first, wizard) : undefined;
  const deviceId = answerOn('device', first, wizard);
  const device = found.devices.find(({ id }) => id === deviceId);
  const isGpu = device?.device.memory.type === 'cuda';
  const answers = (prefer: Preference): Answers => ({
    goal: answerOn('goal', first, wizard) as Goal,
    model: sourceOf(answerOn('model', first, wizard) || '…', here.exists),
    data: sourceOf(answerOn('data', first, wizard) || '…', here.exists),
    classes: here.pictureFolders(answerOn('data', first, wizard)),
    gpuMemory: isGpu ? device.device.memory.bytes : undefined,
    prefer,
  });
  const asked = source === undefined ? undefined : estimator.of(source);
  const described = forTask(asked, answers('speed'));
  const known =
    described?.type === 'Known' && device !== undefined && device.device.memory.bytes > 0;
  const needs = known ? needsOf(answers('speed'), described.model, device.device) : {};
  const chosen = answers(answerOn('prefer', { found, needs }, wizard) as Preference);
  const plan = known ? planOf(chosen, described.model, device.device) : undefined;
  return { source, answers: chosen, device, described, plan, needs };
}

interface ShownLine extends ManifestLine {
  /** Added by the current question. */
  readonly isNew: boolean;
}

/** Lines of the questions so far. The comment about commands is shown only with the whole file. */
export function shownLines(
  wizard: Wizard,
  { answers }: Pick<Drafted, 'answers'>,
): readonly ShownLine[] {
  return manifestLines(answers)
    .filter(({ of, text }) => {
      if (text.startsWith('#')) return wizard.page === 'file';
      return of === wizard.page || isAnswered(wizard, of);
    })
    .map((line) => ({ ...line, isNew: line.of === wizard.page }));
}
