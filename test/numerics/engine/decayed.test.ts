import test from 'ava';
import { aModel } from '../../builders/training.ts';
import { golden } from '../../toy/golden.ts';

test('weight decay is for matrices: no norm and no bias of any family', (t) => {
  let spared = 0;
  for (const each of golden.cases) {
    const { parameters } = aModel(each);
    using _parameters = parameters;
    for (const { name, decayed } of parameters.all()) {
      const isVector = /norm[^/]*\.weight$|\.bias$/.test(name);
      t.is(decayed, !isVector, `${each.name}: ${name}`);
      if (isVector) spared += 1;
    }
  }
  t.true(spared > golden.cases.length);
});
