// Which linear layers an adapter changes: the same field for every adapter.
import * as z from 'zod';
import { text } from '../schema/text.ts';

export const targetModules = z
  .array(text(256))
  .min(1)
  .max(64)
  .default(['AllLinear'])
  .describe(
    'Which linear layers get an adapter: AllLinear (all but the head), or names such as q_proj and down_proj.',
  );
