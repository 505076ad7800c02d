// Test files of kernels on the emulated CUDA device: npx ava --config=ava.device.config.js FILE.
// The group device runs them all.
import config from './ava.config.js';

export default { ...config, require: ['./test/gpu/on-device.ts'] };
