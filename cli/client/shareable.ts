// Whether a job file may be one of several that train together: its method leaves the base as it
// is.

import type { Method } from '../../crds/api/method.ts';
import { resolveMethod, UserError } from '../../crds/index.ts';
import { methodInWords } from '../../crds/methods/in-words.ts';
import { whyNotPacked } from '../../crds/plan/packing.ts';

export function requireShareable(file: string, written: Method): void {
  const method = resolveMethod(written);
  const why = whyNotPacked(method);
  if (why === undefined) return;
  throw new UserError({
    code: 'E_USAGE',
    message: `${file}: ${methodInWords(method)} ${why}; jobs that train together share a frozen base`,
    hint: 'run it by itself, or with an adapter such as preset: LoRA',
  });
}
