//! What was found, as text and as JSON.

use std::io::Write;

use headwater_common::Result;
use headwater_source::{Finding, Level};
use serde_json::json;

use crate::format::output_error;

/// Findings about one thing.
pub(super) struct Section {
    /// The thing.
    pub(super) title: String,
    /// What was found.
    pub(super) findings: Vec<Finding>,
}

impl Section {
    /// A section of one problem.
    pub(super) fn failed(title: String, text: &str, remedy: &str) -> Self {
        Self { title, findings: vec![Finding::problem(text, remedy)] }
    }
}

/// All sections.
pub(super) struct Report(pub(super) Vec<Section>);

impl Report {
    fn count(&self, level: Level) -> usize {
        self.0.iter().flat_map(|s| &s.findings).filter(|f| f.level == level).count()
    }

    /// The number of problems.
    pub(super) fn problems(&self) -> usize {
        self.count(Level::Problem)
    }

    /// Text for people.
    pub(super) fn print(&self) -> Result<()> {
        let mut out = std::io::stdout().lock();
        self.write(&mut out).map_err(output_error)
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        for section in &self.0 {
            writeln!(out, "{}", section.title)?;
            for finding in &section.findings {
                writeln!(out, "  {:<8} {}", finding.level.as_str(), finding.text)?;
                if let Some(remedy) = &finding.remedy {
                    writeln!(out, "           -> {remedy}")?;
                }
            }
        }
        let word = |n: usize, noun: &str| format!("{n} {noun}{}", if n == 1 { "" } else { "s" });
        let (problems, warnings) = (self.problems(), self.count(Level::Warning));
        writeln!(out, "\n{}, {}", word(problems, "problem"), word(warnings, "warning"))
    }

    /// One JSON object for programs.
    pub(super) fn print_json(&self) -> Result<()> {
        let finding = |f: &Finding| json!({ "level": f.level.as_str(), "text": f.text, "remedy": f.remedy });
        let section = |s: &Section| {
            let findings: Vec<_> = s.findings.iter().map(finding).collect();
            json!({ "title": s.title, "findings": findings })
        };
        let sections: Vec<_> = self.0.iter().map(section).collect();
        let (problems, warnings) = (self.problems(), self.count(Level::Warning));
        let all = json!({ "ok": problems == 0, "problems": problems, "warnings": warnings, "sections": sections });
        writeln!(std::io::stdout().lock(), "{all:#}").map_err(output_error)
    }
}
