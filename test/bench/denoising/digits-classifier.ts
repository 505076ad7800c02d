// Which digit a picture shows, by logistic regression on the pixels of scikit-learn's digits: what
// share of pictures that a model made are of the classes that were asked for.
import { type Digit, digitSide } from '../../setup/digits.ts';

const values = digitSide ** 2;
const classes = 10;
/** Steps of gradient descent on all pictures. */
const steps = 400;
const rate = 2;

export interface Classifier {
  /** Of pictures that it was not fitted to, the share that it is right about. */
  readonly accuracy: number;
  /** Pixels from -1 to 1, picture after picture, as classes. */
  classify(pictures: Float32Array): readonly number[];
}

/** Fitted to four fifths of the digits. */
export function digitsClassifier(digits: readonly Digit[]): Classifier {
  const isHeld = (i: number): boolean => i % 5 === 4;
  const pixelsOf = ({ pixels }: Digit) => Float32Array.from(pixels, (value) => value / 8 - 1);
  const fitted = digits.filter((_, i) => !isHeld(i));
  const held = digits.filter((_, i) => isHeld(i));
  const weights = new Float64Array(classes * (values + 1));
  const inputs = fitted.map(pixelsOf);
  for (let step = 0; step < steps; step += 1) {
    const slope = new Float64Array(weights.length);
    for (const [i, x] of inputs.entries()) {
      const found = probabilities(weights, x);
      found[fitted[i]?.label ?? 0] = (found[fitted[i]?.label ?? 0] ?? 0) - 1;
      for (let k = 0; k < classes; k += 1) {
        const at = k * (values + 1);
        const error = (found[k] ?? 0) / inputs.length;
        for (let j = 0; j < values; j += 1)
          slope[at + j] = (slope[at + j] ?? 0) + error * (x[j] ?? 0);
        slope[at + values] = (slope[at + values] ?? 0) + error;
      }
    }
    for (let i = 0; i < weights.length; i += 1)
      weights[i] = (weights[i] ?? 0) - rate * (slope[i] ?? 0);
  }
  const classOf = (x: Float32Array): number => {
    const found = probabilities(weights, x);
    return found.indexOf(Math.max(...found));
  };
  const right = held.filter((digit) => classOf(pixelsOf(digit)) === digit.label).length;
  return {
    accuracy: right / held.length,
    classify: (pictures) =>
      Array.from({ length: pictures.length / values }, (_, i) =>
        classOf(pictures.subarray(i * values, (i + 1) * values)),
      ),
  };
}

function probabilities(weights: Float64Array, x: Float32Array): number[] {
  const logits = Array.from({ length: classes }, (_, k) => {
    const at = k * (values + 1);
    let sum = weights[at + values] ?? 0;
    for (let j = 0; j < values; j += 1) sum += (weights[at + j] ?? 0) * (x[j] ?? 0);
    return sum;
  });
  const largest = Math.max(...logits);
  const exps = logits.map((logit) => Math.exp(logit - largest));
  const total = exps.reduce((sum, one) => sum + one, 0);
  return exps.map((one) => one / total);
}
