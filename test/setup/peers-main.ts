/** `npm run peers`: makes the Python environments of the tests now, and says where they are. */
import { attempt } from '../../cli/setup/attempt.ts';
import { ensureLlama } from './llama.ts';
import { ensureLmEval } from './lm-eval.ts';
import { ensurePeers } from './peers.ts';

await attempt(async (setup) => {
  const { python } = await ensurePeers(setup);
  setup.steps.note(`transformers, PEFT, TRL: ${python}`);
  const llama = await ensureLlama(setup);
  setup.steps.note(`llama.cpp: ${llama.python}`);
  const { packages } = await ensureLmEval(setup);
  setup.steps.note(`lm-eval: ${packages}`);
  return 0;
});
