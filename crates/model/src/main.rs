//! temp
fn main() {
    for (t, r) in userd_model::temp(&std::env::args().nth(1).unwrap_or_default()) {
        if let Some((v, t2)) = r.violation {
            println!("{t} {v:?}");
            for l in t2 {
                println!("   {l}");
            }
        }
    }
}
