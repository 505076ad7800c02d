// npm run bench -- NAME [OPTIONS]: paired measurements beside the named peers.
import { attempt } from '../../cli/setup/attempt.ts';
import { UserError } from '../../crds/failures/errors.ts';

/** Each is loaded when it is asked for: most need the native addon, the command line does not. */
const benches = {
  train: async () => (await import('./train/bench-train.ts')).benchTrain,
  encoder: async () => (await import('./encoder/bench-encoder.ts')).benchEncoder,
  speech: async () => (await import('./speech/bench-speech.ts')).benchSpeech,
  'out-of-domain': async () =>
    (await import('./out-of-domain/bench-out-of-domain.ts')).benchOutOfDomain,
  'few-shot': async () => (await import('./few-shot/bench-few-shot.ts')).benchFewShot,
  denoising: async () => (await import('./denoising/bench-denoising.ts')).benchDenoising,
  composing: async () => (await import('./denoising/bench-composing.ts')).benchComposing,
  svdquant: async () => (await import('./denoising/bench-svdquant.ts')).benchSvdQuant,
  kernels: async () => (await import('./kernels/bench-kernels.ts')).benchKernels,
  gguf: async () => (await import('./gguf/bench-gguf.ts')).benchGguf,
  quantization: async () =>
    (await import('./quantization/bench-quantization.ts')).benchQuantization,
  memory: async () => (await import('./memory/bench-memory.ts')).benchMemory,
  methods: async () => (await import('./methods/bench-methods.ts')).benchMethods,
  seeds: async () => (await import('./seeds/bench-seeds.ts')).benchSeeds,
  operator: async () => (await import('./operator/bench-operator.ts')).benchOperator,
  sharding: async () => (await import('./sharding/bench-sharding.ts')).benchSharding,
  together: async () => (await import('./together/bench-together.ts')).benchTogether,
  architecture: async () =>
    (await import('./architecture/bench-architecture.ts')).benchArchitecture,
  restoration: async () => (await import('./restoration/bench-restoration.ts')).benchRestoration,
  tracking: async () => (await import('./tracking/bench-tracking.ts')).benchTracking,
  recovery: async () => (await import('./recovery/bench-recovery.ts')).benchRecovery,
  serve: async () => (await import('./serve/bench-serve.ts')).benchServe,
  'serve-http': async () => (await import('./serve/http/bench-serve-http.ts')).benchServeHttp,
  cli: async () => (await import('./cli/bench-cli.ts')).benchCli,
};

await attempt(async (setup) => {
  const [name = '', ...args] = process.argv.slice(2);
  if (!isBench(name)) {
    const known = Object.keys(benches).join(', ');
    throw new UserError({
      code: 'E_USAGE',
      message: `there is no benchmark ${name || '(no name given)'}; there are ${known}`,
      hint: 'npm run bench -- train',
    });
  }
  const bench = await benches[name]();
  await bench(setup, args);
  return 0;
});

function isBench(name: string): name is keyof typeof benches {
  return Object.hasOwn(benches, name);
}
