// The host reads memory of a device by its pointer, which ends this process; for
// emulated-device.test.ts.
import './on-device.ts';
import { native } from '../../worker/tensor/native.ts';
import * as ops from '../../worker/tensor/ops.generated.ts';

native.call(native.op('anneal_emulator::read_by_host', ''), ops.ones([4]).handle);
