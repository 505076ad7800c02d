// For files whose tests put images on the nodes, add definitions that are not ours, or kill parts
// of the control plane. A cluster of somebody else is spared that: there such a file is left out as
// a whole, and says why in the title of the one test that it then has.
import ava from 'ava';
import { isOurs } from './control-plane.ts';

const ignored = () => undefined;
const nothing = Object.assign(() => undefined, {
  before: ignored,
  after: Object.assign(() => undefined, { always: ignored }),
}) as unknown as typeof ava;

if (!isOurs) {
  ava.skip(
    'left out: these tests put images on the nodes or break the cluster, and it is not ours',
    ignored,
  );
}

export const test = isOurs ? ava : nothing;
