// What the classes of a data set say about it before anything is trained.

import type { Dataset } from '../../crds/api/dataset.ts';
import { UserError } from '../../crds/failures/errors.ts';
import { classesWithFewer } from '../data/few-shots.ts';
import type { StoreManifest } from '../data/store-manifest.ts';
import type { TokenStore } from '../data/token-store.ts';

const namesShown = 8;

/** A sentence where classes have no record; undefined where all have, or documents have none. */
export function missingClasses(
  { classes }: Pick<StoreManifest, 'classes'>,
  names: readonly string[],
): string | undefined {
  const missing = classes.flatMap((records, number) =>
    records === 0 ? [names[number] ?? String(number)] : [],
  );
  if (missing.length === 0) return undefined;
  const shown = missing.slice(0, namesShown).join(', ');
  const more = missing.length > namesShown ? ` and ${missing.length - namesShown} more` : '';
  const them = missing.length === 1 ? 'the class' : 'the classes';
  return `no record has ${them} ${shown}${more}`;
}

/** Throws where all records have one class: there is nothing to tell apart. */
export function requireTwoClasses(
  { classes, samples }: Pick<StoreManifest, 'classes' | 'samples'>,
  names: readonly string[],
): void {
  const only = classes.findIndex((records) => records > 0);
  if (only < 0 || classes.some((records, number) => records > 0 && number !== only)) return;
  throw new UserError({
    code: 'E_INVALID_DATA',
    path: 'spec.dataset.train',
    message: `all ${samples} records have the class ${names[only] ?? only}; a model trained on them answers nothing else`,
    hint: 'check the field label of the records; a file sorted by class needs a larger maxSamples',
  });
}

/** Throws where a class has fewer records to train on than the job wants of each. */
export function requireShots(
  { shots, labels = [] }: Pick<Dataset, 'shots' | 'labels'>,
  store: Pick<TokenStore, 'count' | 'classOf' | 'sampleOf'>,
  held: ReadonlySet<number>,
): void {
  if (shots === undefined) return;
  const all = Array.from({ length: store.count }, (_, document) => document);
  const members = all.filter((document) => !held.has(store.sampleOf(document)));
  const fewer = classesWithFewer(store, members, { shots, classes: labels.length });
  const [[number, count] = []] = fewer;
  if (number === undefined) return;
  const path = 'spec.dataset.shots';
  throw new UserError({
    code: 'E_INVALID_DATA',
    path,
    value: shots,
    message: `${path} is ${shots}, but the class ${labels[number] ?? number} has ${count} records to train on`,
    hint: 'set it to what the smallest class has, or leave it out to train on all records',
  });
}
