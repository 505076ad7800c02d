import test from 'ava';
import { taskFigure } from '../../../cli/jobs/task-figure.ts';

test('classes are said by the share that is right', (t) => {
  const [before, after] = [{ accuracy: 0.506 }, { accuracy: 0.773 }];
  t.is(taskFigure([after], 'ImageClassification'), '77.3 % right');
  t.is(taskFigure([before, after], 'SequenceClassification'), '50.6 % → 77.3 % right');
  t.is(
    taskFigure([before, after], 'ContrastiveImageText'),
    '50.6 % zero-shot → 77.3 % right',
    'it finds some before it learned',
  );
  t.is(taskFigure([{ accuracy: null }, after], 'ImageClassification'), 'not finite → 77.3 % right');
});

test('tokens and noise have the loss alone', (t) => {
  for (const task of [undefined, 'CausalLM', 'Denoising'] as const) {
    t.is(taskFigure([{ accuracy: 0.5 }], task), undefined);
  }
});

test('speech, pictures and boxes have figures of their own', (t) => {
  const spoken = { accuracy: 0.9, wordErrors: { errors: 1, words: 32 } };
  t.is(taskFigure([spoken], 'SpeechToText'), 'WER 3.1 %');
  const pictures = { likeness: { psnr: 25.36, ssim: 0.795 } };
  t.is(taskFigure([pictures], 'Restoration'), 'PSNR 25.36 dB · SSIM 0.795');
  t.is(taskFigure([{ overlap: 0.0281 }, { overlap: 0.687 }], 'Tracking'), 'mean IoU 0.028 → 0.687');
});

test('what only some evaluations have is not said', (t) => {
  t.is(taskFigure([{ overlap: 0.5 }, {}], 'Tracking'), undefined);
});
