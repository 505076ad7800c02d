// The two pictures that a tracker of objects reads, as LoRAT has them.
import * as z from 'zod';

const edge = z.int32().min(8).max(1024);

/** Where a job says nothing. */
export const usualTracking = { template: 112, search: 224, maxGap: 100 } as const;

export const tracking = z.strictObject({
  template: edge
    .default(usualTracking.template)
    .describe('Pixels along the sides of the picture that shows the object.'),
  search: edge
    .default(usualTracking.search)
    .describe('Pixels along the sides of the picture in which it is looked for.'),
  maxGap: z
    .int32()
    .min(1)
    .max(10_000)
    .default(usualTracking.maxGap)
    .describe('Frames between both, at most.'),
});
