// Counts of a tracker: a vision transformer, behind which two heads of three layers each read the
// tokens of the search picture.
import type { TrackingFacts } from '../model-facts.ts';
import type { ModelCounts } from './counts.ts';
import { visionBlockCounts } from './vision.ts';

export function trackingCounts(facts: TrackingFacts): ModelCounts {
  const { H, inlet, outputs } = facts;
  const headMatrix = 2 * 2 * H * H + outputs * H;
  return {
    ...visionBlockCounts(facts),
    ...{ embedding: inlet, head: headMatrix + 2 * 2 * H + outputs, finalNorm: 2 * H },
    ...{ headMatrix, outputs },
  };
}
