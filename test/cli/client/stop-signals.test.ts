import test from 'ava';
import { stopSignals } from '../../../cli/client/stop-signals.ts';

const at = (ms: number) => new Date(1e12 + ms);

test('the first ctrl-c stops, the second kills', (t) => {
  const { stop, kill, press } = stopSignals();
  t.true(press(at(0)));
  t.deepEqual([stop.aborted, kill.aborted], [true, false]);
  t.false(press(at(250)));
  t.true(kill.aborted);
});

test('a ctrl-c that npm passes on after the terminal has told it is the same one', (t) => {
  const { kill, press } = stopSignals();
  press(at(0));
  press(at(2));
  t.false(kill.aborted);
  press(at(1000));
  t.true(kill.aborted);
});
