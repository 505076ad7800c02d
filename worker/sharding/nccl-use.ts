import { UserError } from '../../crds/failures/errors.ts';

/** `Required`: a group whose devices cannot exchange by NCCL is an error. */
export type NcclUse = 'Auto' | 'Never' | 'Required';

const words: ReadonlyMap<string, NcclUse> = new Map([
  ['auto', 'Auto'],
  ['0', 'Never'],
  ['1', 'Required'],
]);

/** As the variable `USE_NCCL` says; `Auto` without it. Throws a UserError for other words. */
export function ncclUse({
  USE_NCCL = 'auto',
}: Readonly<Record<string, string | undefined>>): NcclUse {
  const use = words.get(USE_NCCL);
  if (use !== undefined) return use;
  throw new UserError({
    code: 'E_USAGE',
    message: `the variable USE_NCCL is "${USE_NCCL}"; it must be one of ${[...words.keys()].join(', ')}`,
    hint: 'unset it to exchange by NCCL where all workers can',
  });
}
