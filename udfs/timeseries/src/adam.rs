//! Minimisation by noisy gradients.

const FIRST_DECAY: f64 = 0.9;
const SECOND_DECAY: f64 = 0.999;

/// Adam (Kingma & Ba, "Adam: a method for stochastic optimization", 2015), with a penalty of squared weights. O(weights) a step.
#[derive(Debug)]
pub struct Adam {
    rate: f64,
    l2: f64,
    steps: i32,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Adam {
    /// For so many weights.
    pub fn new(count: usize, rate: f64, l2: f64) -> Self {
        Self { rate, l2, steps: 0, first: vec![0.0; count], second: vec![0.0; count] }
    }

    /// Moves the weights against a gradient.
    pub fn step(&mut self, weights: &mut [f64], gradient: &[f64]) {
        self.steps = self.steps.saturating_add(1);
        let (a, b) = (1.0 - FIRST_DECAY.powi(self.steps), 1.0 - SECOND_DECAY.powi(self.steps));
        for (at, weight) in weights.iter_mut().enumerate() {
            let g = gradient[at] + self.l2 * *weight;
            self.first[at] = FIRST_DECAY * self.first[at] + (1.0 - FIRST_DECAY) * g;
            self.second[at] = SECOND_DECAY * self.second[at] + (1.0 - SECOND_DECAY) * g * g;
            *weight -= self.rate * self.first[at] / a / ((self.second[at] / b).sqrt() + 1e-8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bowl_is_descended_to_its_bottom() {
        let mut adam = Adam::new(2, 0.05, 0.0);
        let mut x = [3.0, -4.0];
        for _ in 0..2_000 {
            let gradient = [2.0 * (x[0] - 1.0), 20.0 * (x[1] + 2.0)];
            adam.step(&mut x, &gradient);
        }
        assert!((x[0] - 1.0).abs() < 1e-2 && (x[1] + 2.0).abs() < 1e-2, "{x:?}");
    }
}
