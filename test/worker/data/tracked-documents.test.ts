import test from 'ava';
import type { Box } from '../../../worker/data/tracked/box.ts';
import { boxIn, templateFactor, windowAround } from '../../../worker/data/tracked/window.ts';
import { drawnPair } from '../../../worker/data/tracked-documents.ts';
import { streamOf } from '../../../worker/tensor/streams.ts';

const boxes = Array.from({ length: 12 }, (_, frame): Box => [frame, 5, frame + 10, 15]);
const clip = { width: 60, height: 40, boxes };

test('two frames of a clip are drawn, no further apart than the job says', (t) => {
  const seen = new Set<string>();
  for (let key = 0; key < 600; key += 1) {
    const { template, search } = drawnPair(clip, 3, streamOf(1, 'clip', key));
    const gap = Math.abs(template.frame - search.frame);
    t.true(gap >= 1 && gap <= 3, `${template.frame} and ${search.frame}`);
    seen.add(`${template.frame} ${search.frame}`);
  }
  // Each frame has three others before and behind it, but for those at the ends.
  t.is(seen.size, 12 * 6 - 2 * (3 + 2 + 1));
});

test('the template is around its object, and the search picture has the other frame', (t) => {
  const { template, search } = drawnPair(clip, 100, streamOf(2, 'clip'));
  const [own, other] = [boxes[template.frame], boxes[search.frame]];
  t.deepEqual(template.window, windowAround(own ?? [0, 0, 1, 1], templateFactor));
  t.deepEqual(template.box, [0.25, 0.25, 0.75, 0.75]);
  t.deepEqual(search.box, boxIn(search.window, other ?? [0, 0, 1, 1]));
});

test('of one stream the same is drawn, of others something else', (t) => {
  const [one, again, other] = [1, 1, 2].map((key) => drawnPair(clip, 9, streamOf(1, 'clip', key)));
  t.deepEqual(one, again);
  t.notDeepEqual(one, other);
});
