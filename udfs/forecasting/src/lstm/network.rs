//! The cells of the network and their derivatives.

use headwater_timeseries::random::Random;

/// Gates of a unit: input, forget, candidate, output.
const GATES: usize = 4;

/// One layer of long short-term memory cells over single numbers, and a sum of their last states.
#[derive(Debug, Clone)]
pub(super) struct Network {
    units: usize,
    /// Of each gate of each unit the weights of the input, of each unit's state and of one; then those of the output.
    pub(super) weights: Vec<f64>,
}

/// What the cells did at each step.
#[derive(Debug)]
pub(super) struct Trace {
    /// Gates after their squashing, [`GATES`] x units a step.
    gates: Vec<f64>,
    /// Memories and states, units a step, after a first row of zeros.
    cells: Vec<f64>,
    states: Vec<f64>,
}

impl Trace {
    pub(super) fn new(steps: usize, units: usize) -> Self {
        let rows = |count| vec![0.0; count * units];
        Self { gates: rows(steps * GATES), cells: rows(steps + 1), states: rows(steps + 1) }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl Network {
    /// Small random weights; forget gates begin open (Jozefowicz, Zaremba & Sutskever, 2015), the output at zero.
    pub(super) fn random(units: usize, random: &mut Random) -> Self {
        let spread = 1.0 / (units as f64 + 1.0).sqrt();
        let mut weights = Vec::with_capacity(GATES * units * (units + 2) + units + 1);
        for gate in 0..GATES {
            for _ in 0..units {
                weights.extend((0..=units).map(|_| spread * random.normal()));
                weights.push(if gate == 1 { 1.0 } else { 0.0 });
            }
        }
        weights.extend(std::iter::repeat_n(0.0, units + 1));
        Self { units, weights }
    }

    pub(super) fn units(&self) -> usize {
        self.units
    }

    /// Weights of a gate of a unit.
    fn gate(&self, gate: usize, unit: usize) -> usize {
        (gate * self.units + unit) * (self.units + 2)
    }

    fn output(&self) -> usize {
        GATES * self.units * (self.units + 2)
    }

    /// The output after all inputs. O(inputs x units²).
    pub(super) fn forward(&self, inputs: &[f64], trace: &mut Trace) -> f64 {
        let units = self.units;
        for (step, x) in inputs.iter().enumerate() {
            let (before, after) = trace.states.split_at_mut((step + 1) * units);
            let before = &before[step * units..];
            for unit in 0..units {
                let mut squashed = [0.0; GATES];
                for (gate, value) in squashed.iter_mut().enumerate() {
                    let at = self.gate(gate, unit);
                    let weights = &self.weights[at..at + units + 2];
                    let mut sum = weights[0] * x + weights[units + 1];
                    sum += weights[1..=units].iter().zip(before).map(|(w, h)| w * h).sum::<f64>();
                    *value = if gate == 2 { sum.tanh() } else { sigmoid(sum) };
                    trace.gates[(step * GATES + gate) * units + unit] = *value;
                }
                let [input, forget, candidate, output] = squashed;
                let cell = forget * trace.cells[step * units + unit] + input * candidate;
                trace.cells[(step + 1) * units + unit] = cell;
                after[unit] = output * cell.tanh();
            }
        }
        let last = &trace.states[inputs.len() * units..(inputs.len() + 1) * units];
        let weights = &self.weights[self.output()..];
        weights[..units].iter().zip(last).map(|(w, h)| w * h).sum::<f64>() + weights[units]
    }

    /// Adds the derivative of the output by the weights, times `error`, to a gradient (back-propagation through time:
    /// Werbos, 1990). `trace` is that of the inputs. O(inputs x units²).
    pub(super) fn backward(&self, inputs: &[f64], trace: &Trace, error: f64, gradient: &mut [f64]) {
        let (units, output) = (self.units, self.output());
        let steps = inputs.len();
        let mut of_state = vec![0.0; units];
        for unit in 0..units {
            gradient[output + unit] += error * trace.states[steps * units + unit];
            of_state[unit] = error * self.weights[output + unit];
        }
        gradient[output + units] += error;
        let mut of_cell = vec![0.0; units];
        for step in (0..steps).rev() {
            let mut of_earlier = vec![0.0; units];
            let before = &trace.states[step * units..(step + 1) * units];
            for unit in 0..units {
                let value = |gate: usize| trace.gates[(step * GATES + gate) * units + unit];
                let (input, forget, candidate, opened) = (value(0), value(1), value(2), value(3));
                let squashed = trace.cells[(step + 1) * units + unit].tanh();
                let cell = of_cell[unit] + of_state[unit] * opened * (1.0 - squashed * squashed);
                let sums = [
                    cell * candidate * input * (1.0 - input),
                    cell * trace.cells[step * units + unit] * forget * (1.0 - forget),
                    cell * input * (1.0 - candidate * candidate),
                    of_state[unit] * squashed * opened * (1.0 - opened),
                ];
                of_cell[unit] = cell * forget;
                for (gate, sum) in sums.into_iter().enumerate() {
                    let at = self.gate(gate, unit);
                    gradient[at] += sum * inputs[step];
                    gradient[at + units + 1] += sum;
                    for other in 0..units {
                        gradient[at + 1 + other] += sum * before[other];
                        of_earlier[other] += sum * self.weights[at + 1 + other];
                    }
                }
            }
            of_state = of_earlier;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_propagation_gives_the_derivatives_of_the_output() {
        let mut random = Random::new(5);
        let mut network = Network::random(3, &mut random);
        network.weights.iter_mut().for_each(|w| *w += 0.3 * random.normal());
        let inputs = [0.5, -1.2, 0.1, 2.0];
        let mut trace = Trace::new(inputs.len(), 3);
        network.forward(&inputs, &mut trace);
        let mut gradient = vec![0.0; network.weights.len()];
        network.backward(&inputs, &trace, 1.0, &mut gradient);
        for at in 0..gradient.len() {
            let mut output = |step: f64| {
                network.weights[at] += step;
                let output = network.forward(&inputs, &mut trace);
                network.weights[at] -= step;
                output
            };
            let slope = (output(1e-6) - output(-1e-6)) / 2e-6;
            assert!((slope - gradient[at]).abs() < 1e-7, "{at}: {slope} {}", gradient[at]);
        }
    }
}
