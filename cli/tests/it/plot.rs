//! `headwater plot`.

use crate::process::run;

const DATA: &str = "(SELECT n AS t, CASE WHEN n = 60 THEN 90 ELSE n % 7 END AS v FROM (SELECT unnest(range(0, 84)) AS n))";

/// How often a text occurs.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn a_history_with_its_forecast_is_two_lines_and_a_band() {
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("forecast.svg");
    let sql = format!(
        "SELECT t, v, NULL AS forecast, NULL AS lower_95, NULL AS upper_95 FROM {DATA} UNION ALL \
         SELECT t, NULL, forecast, lower_95, upper_95 FROM FORECAST({DATA}, timestamp_col => 't', data_col => 'v', horizon => 7)"
    );
    let ended = run(&["plot", "-c", &sql, "-o", picture.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let svg = std::fs::read_to_string(&picture).unwrap();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert_eq!((count(&svg, "<polyline"), count(&svg, "class=\"band\"")), (2, 1), "{svg}");
    assert!(svg.contains(">forecast</text>") && svg.contains(">v</text>"), "{svg}");
}

#[test]
fn anomalies_are_marked_on_the_line_of_their_series() {
    let sql = format!("SELECT * FROM DETECT_ANOMALIES({DATA}, timestamp_col => 't', data_col => 'v', method => 'hampel')");
    let ended = run(&["plot", "-c", &sql]);
    assert_eq!((ended.code, count(&ended.out, "class=\"mark\"")), (Some(0), 1), "{ended:?}");
    let named = "SELECT n AS t, n AS \"<v&\", CASE WHEN n % 2 = 0 THEN 'a' ELSE 'b' END AS g FROM (SELECT unnest(range(0, 9)) AS n)";
    let ended = run(&["sql", "--format", "svg", "-c", named]);
    assert_eq!((ended.code, count(&ended.out, "<polyline")), (Some(0), 2), "{ended:?}");
    assert!(ended.out.contains(">a &lt;v&amp;</text>") && !ended.out.contains("<v&"), "{}", ended.out);
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let many = "SELECT n AS t, n AS v, CAST(n AS TEXT) AS g FROM (SELECT unnest(range(0, 99)) AS n)";
    for (sql, said) in [
        ("SELECT 'a' AS b", "column of times or numbers"),
        ("SELECT 1 AS b", "beside \"b\""),
        (many, "99 series"),
        ("SELECT n AS t, n AS v FROM (SELECT unnest(range(0, 300000)) AS n)", "200000 rows"),
    ] {
        let ended = run(&["plot", "-c", sql]);
        assert!(ended.code == Some(1) && ended.err.contains(said), "{sql}: {ended:?}");
    }
}
