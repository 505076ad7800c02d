// What compares a model with another one needs tokens.
import { UserError } from '../../crds/failures/errors.ts';
import type { Model } from '../engine/model.ts';
import type { EndSettings } from '../engine/network.ts';

/** `alone`: what the model learns from, and what it has not. */
export function requireNoTeacher(
  { config: { family } }: Pick<Model, 'config'>,
  { objective }: Pick<EndSettings, 'objective'>,
  alone: string,
): void {
  if (objective === null) return;
  const message = `the model is a ${family}, which learns from ${alone}`;
  throw new UserError({ code: 'E_UNKNOWN_ARCHITECTURE', value: family, message });
}
