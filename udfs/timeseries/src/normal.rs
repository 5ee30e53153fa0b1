//! The normal distribution, and Student's.

/// Quantile of the standard normal distribution (Acklam's rational approximation, 2003, with one step of Halley's
/// method; error below 1e-15 away from the tails). `p` outside (0, 1) gives an infinity. O(1).
pub fn quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 5] =
        [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
    if p.is_nan() {
        return f64::NAN;
    }
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let horner = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, v| sum * x + v);
    let tail = |q: f64| horner(&C, q) / (horner(&D, q) * q + 1.0);
    let x = if p < 0.02425 {
        tail((-2.0 * p.ln()).sqrt())
    } else if p > 1.0 - 0.02425 {
        -tail((-2.0 * (1.0 - p).ln()).sqrt())
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    };
    let error = cumulative(x) - p;
    let step = error * (2.0 * std::f64::consts::PI).sqrt() * (x * x / 2.0).exp();
    if step.is_finite() { x - step / (1.0 + x * step / 2.0) } else { x }
}

/// Probability that a standard normal variable is at most `x` (complementary error function by Cody's method as in
/// West, "Better approximations to cumulative normal functions", 2005). O(1).
pub fn cumulative(x: f64) -> f64 {
    let z = x.abs();
    if z > 37.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let e = (-z * z / 2.0).exp();
    let upper = if z < 7.071_067_811_865_475 {
        const N: [f64; 7] = [
            3.526_249_659_989_11e-2,
            0.700_383_064_443_688,
            6.373_962_203_531_65,
            33.912_866_078_383,
            112.079_291_497_871,
            221.213_596_169_931,
            220.206_867_912_376,
        ];
        const M: [f64; 8] = [
            8.838_834_764_831_84e-2,
            1.755_667_163_182_64,
            16.064_177_579_207,
            86.780_732_202_946_1,
            296.564_248_779_674,
            637.333_633_378_831,
            793.826_512_519_948,
            440.413_735_824_752,
        ];
        let horner = |c: &[f64]| c.iter().fold(0.0, |sum, v| sum * z + v);
        e * horner(&N) / horner(&M)
    } else {
        let fraction = z + 1.0 / (z + 2.0 / (z + 3.0 / (z + 4.0 / (z + 0.65))));
        e / fraction / 2.506_628_274_631
    };
    if x > 0.0 { 1.0 - upper } else { upper }
}

/// Quantile of Student's distribution, by its expansion around the normal one (Abramowitz & Stegun, 1964, 26.7.5): within
/// 1 % from 5 degrees of freedom on, for `p` from 0.005 to 0.995. O(1).
pub fn student_quantile(p: f64, degrees: f64) -> f64 {
    let z = quantile(p);
    let square = z * z;
    let first = z * (square + 1.0) / 4.0;
    let second = z * ((5.0 * square + 16.0) * square + 3.0) / 96.0;
    let third = z * (((3.0 * square + 19.0) * square + 17.0) * square - 15.0) / 384.0;
    z + (first + (second + third / degrees) / degrees) / degrees
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_quantiles_have_the_heavier_tails() {
        assert!((student_quantile(0.975, 8.0) - 2.306).abs() < 0.003);
        assert!((student_quantile(0.9, 8.0) - 1.397).abs() < 0.002);
        assert!((student_quantile(0.995, 5.0) - 4.032).abs() < 0.05);
        assert!((student_quantile(0.1, 8.0) + 1.397).abs() < 0.002);
    }

    #[test]
    fn known_quantiles() {
        assert!((quantile(0.975) - 1.959963984540054).abs() < 1e-9);
        assert!((quantile(0.9) - 1.2815515655446004).abs() < 1e-9);
        assert!(quantile(0.5).abs() < 1e-9);
        assert_eq!(quantile(0.0), f64::NEG_INFINITY);
        assert!(quantile(f64::NAN).is_nan());
    }

    #[test]
    fn quantile_and_cumulative_are_inverse() {
        for i in 1..200 {
            let p = f64::from(i) / 200.0;
            assert!((cumulative(quantile(p)) - p).abs() < 1e-9);
        }
    }
}
